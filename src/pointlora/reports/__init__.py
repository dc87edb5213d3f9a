"""Tables and pictures for people; matplotlib is imported only when a picture is drawn."""
