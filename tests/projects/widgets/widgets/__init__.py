WORD = "widgets"
