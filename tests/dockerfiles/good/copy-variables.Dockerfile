FROM alpine
ARG src=a dst=/b owner=1:2 mode=600
COPY --chown=$owner --chmod=${mode} $src/x ${missing:-y} $dst/
COPY ["$src", "$dst"]
COPY "quoted" 'single$src' esc\ aped $dst/
COPY --chown=$nobody a /c
