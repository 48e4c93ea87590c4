"""Whom this hub trusts, and what is known of revocation: anchors, evidence fetched in the background, time-stamps."""
