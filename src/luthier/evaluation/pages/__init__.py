"""What a report says, section by section, as HTML and as Markdown."""
