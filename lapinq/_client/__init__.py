"""The private parts from which the public classes of the client are built.

A decorator records how a function is enqueued and run (`declaring`). A call of `queue` makes an entry from that and the
arguments (`entries`). The entry goes to the server (`http`).
"""
