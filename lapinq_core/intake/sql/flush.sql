-- A commit that waits for the disk, and for synchronous standbys: its own, and with it every commit before it. An empty
-- transaction would wait for nothing, so it writes a message of some bytes, which only logical decoding sees.
-- Locks nothing.
SELECT pg_logical_emit_message(true, 'lapinq', '')
