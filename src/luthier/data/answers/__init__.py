"""What the answers of a file have in common, kept in columns and counts while they stream by: for rules and reports."""
