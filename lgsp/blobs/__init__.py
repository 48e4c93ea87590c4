"""Where attachments are kept: `directory` in a folder, local or shared."""
