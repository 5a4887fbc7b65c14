# target: middle
FROM scratch AS first
COPY a.txt /
FROM first AS middle
COPY b.txt /
FROM middle AS last
COPY no-such-file /
