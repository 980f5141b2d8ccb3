"""Write a numbered book as HTML, PDF or DOCX."""
