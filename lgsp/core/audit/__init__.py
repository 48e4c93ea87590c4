"""What an audit finds, and the parts of it that need nothing but the log itself."""
