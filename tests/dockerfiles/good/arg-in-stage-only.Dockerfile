ARG A=global
FROM alpine AS one
ENV one=$A
FROM alpine AS two
ARG A
ENV two=$A
FROM two
ENV three=$A
ARG A=own
ENV four=$A
