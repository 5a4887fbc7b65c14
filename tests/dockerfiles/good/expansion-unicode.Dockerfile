FROM alpine
ENV größe=größer
ENV a=$größe b="${größe#gr}" c=${größe%?} d=ü\ü
LABEL ü=$größe
