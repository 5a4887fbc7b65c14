FROM scratch
COPY --chmod=u=rwX,go=rX dir /dir
COPY --chmod=a+x a.txt /a
COPY --chmod=go-rwx closed private /closed/
COPY --chmod=u+s,g+s run.sh /run
COPY --chmod=g=u dir /same
