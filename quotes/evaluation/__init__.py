"""How good the answers are on a test set: speakers, stances, and how far two annotators agree.

The formats and the definitions are in docs/evaluation.md. Nothing is imported here, so that the command line can offer
`quotes evaluate` without loading numpy.
"""
