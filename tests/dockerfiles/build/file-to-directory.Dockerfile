FROM scratch
COPY a.txt b.txt /new/
COPY run.sh /new
COPY run.sh /new/
