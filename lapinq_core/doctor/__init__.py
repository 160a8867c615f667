"""The doctor: looks at the database, the settings and the whole system, and says what is wrong and what to do.

`examination.examine` runs every check. A check is a function that returns findings; it changes nothing.
"""
