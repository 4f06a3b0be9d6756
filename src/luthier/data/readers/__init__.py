"""Files of every container become rows: lines, arrays, tables and data set folders, each told by its content."""
