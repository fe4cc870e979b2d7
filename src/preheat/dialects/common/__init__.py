"""What dialects are made of: fields and files read, step conventions, outlines and writers."""
