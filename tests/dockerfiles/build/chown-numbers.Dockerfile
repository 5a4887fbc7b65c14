FROM scratch
COPY --chown=1000:2000 a.txt dir /app/
COPY --chown=1000 b.txt /b
COPY --chown=0:5 b.txt /new/parent/b
COPY --chown=7:7 dir/. /dots/
