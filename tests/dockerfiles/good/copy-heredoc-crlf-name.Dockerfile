FROM alpine
COPY <<a.b-c_d /x
content
a.b-c_d
COPY <<E\OF /y
z
EOF
