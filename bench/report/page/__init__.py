"""The HTML page of a study, and the page that lists them all: what is on it, how it is drawn, how it is written."""
