FROM alpine
ENV HOMEDIR=/x
ENV a=$HOMDIR b=${nothing} c=${nothing:-x}
COPY $nothing/x /x
WORKDIR $nowhere/a
