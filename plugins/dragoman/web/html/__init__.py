"""The HTML face of every JSON answer: templates, one style sheet, no scripts."""
