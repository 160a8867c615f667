-- The position in the table of the first running attempt at or after the position `since`; no row if there is none.
-- Locks nothing. Reads from `since` on, past dead rows; relies on a TID range scan.
SELECT ctid::text
  FROM lapinq_running
 WHERE ctid >= %(since)s::tid
 LIMIT 1
