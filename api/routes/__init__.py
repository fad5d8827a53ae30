"""The service's endpoints."""
