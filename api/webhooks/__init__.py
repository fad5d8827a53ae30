"""Telling a caller's own server that something is done, by the Standard Webhooks convention (docs/webhooks.md)."""
