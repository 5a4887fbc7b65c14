FROM scratch
ARG A=app
ENV B=${A:-x} C=${NONE:-default} D=${A:+set} E=${NONE:+set} F=${A/p/b} G=${A//p/b} H=${A#a} I=${A%p} J=pre/fix/x.tar.gz
ENV K=${J##*/} L=${J%%.*} M=${J#*/} N=${J%/*} O="$A $B" P='$A' Q=\$A R=a\ b
WORKDIR /${A}
LABEL name.$A="$B" "quoted key"='single $A'
COPY ${A%pp}.txt ./$B/
COPY --chown=${UID:-44} $NONE.hidden ${K}/
USER ${USER_ID:-12}
EXPOSE ${PORT:-80}/tcp $A_PORT 90
VOLUME /$A /b/$J
VOLUME ["/$B c"]
STOPSIGNAL SIG${SIGNAL:-INT}
CMD echo $A
ENTRYPOINT ["$A", "b"]
