"""Attachments that are signed: read from the blob store within bounds, and verified."""
