FROM alpine
ENV a=${b c="x
ENV d=${
LABEL e=${f^}
USER ${g:#h}
WORKDIR ${}
COPY ${a#\x} /y
