FROM
FROM a b
FROM alpine AS 1st
