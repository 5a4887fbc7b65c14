FORM alpine
RUN a
COPY a b
