"""Pages on which people compare converted speech, and what their answers say."""
