"""What stands where below the folder of revocation (`Settings.revocation_path`)."""

SNAPSHOT = "snapshot.bin"  # everything known of revocation, as processes read it
WANTED = "wanted"  # certificates somebody asks about
PROGRESS = "progress.json"  # how fetching goes, source by source
INBOX = "inbox"  # CRLs brought by hand
LOCK = "lock"  # held by the one process that fetches
ALL = "fetch-all"  # an operator wants everything asked now
