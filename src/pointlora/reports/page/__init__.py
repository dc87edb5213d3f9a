"""A report as one HTML file: what it shows (`content`), and how it is drawn (`render`)."""
