"""Deliveries pushed over HTTP with the headers of Standard Webhooks."""
