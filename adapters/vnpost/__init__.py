"""Vietnam Post: its interface on the national platform (NGSP) and the wrapper that provincial platforms have of it."""
