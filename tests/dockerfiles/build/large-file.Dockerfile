FROM scratch
COPY big.bin /data/
