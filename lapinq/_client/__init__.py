"""The private parts from which the public classes of the client are built.

A decorator records how a function is enqueued and run (`declaring`). A call of `queue` makes an entry from that and the
arguments (`entries`). The entry is in a call (`calling`), which a transport (`http`) carries to lapinq.
"""
