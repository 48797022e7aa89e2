"""One file for each topic: `measure` takes its figures, and the first line says what they are."""
