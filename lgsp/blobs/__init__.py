"""Attachments: the files beside the bodies."""
