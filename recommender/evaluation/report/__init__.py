"""An evaluation as page, Markdown, JSON, tables, plots and sentences."""
