"""What the scheduler is made of: its messages, and the books that it keeps."""
