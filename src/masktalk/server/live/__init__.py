"""Live sessions: one session, any number of ways in and out."""
