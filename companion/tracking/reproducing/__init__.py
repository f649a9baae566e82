"""Running a recorded run again, and comparing what it gives."""
