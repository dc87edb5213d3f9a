"""Where the marks of each chart lie, in the units of its SVG; templates draw them."""
