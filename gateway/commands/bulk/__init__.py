"""`denpo bulk`: one text to each row of a spreadsheet; each row once, whatever interrupts it."""
