"""Measures of converted speech, tables and figures."""
