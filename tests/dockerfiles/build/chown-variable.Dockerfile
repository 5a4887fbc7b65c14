FROM scratch
ARG OWNER=12:34
ENV WHO=$OWNER
COPY --chown=$WHO a.txt /
COPY --chown=${OWNER%:*} b.txt /
