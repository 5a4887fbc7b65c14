FROM alpine
ENV PATH=/opt/bin:$PATH
ENV PATH="${PATH}:/more" HOME=/root
