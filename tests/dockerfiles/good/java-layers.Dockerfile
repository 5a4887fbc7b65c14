FROM eclipse-temurin:21-jre AS extract
WORKDIR /x
COPY target/*.jar app.jar
FROM eclipse-temurin:21-jre
WORKDIR /application
COPY --from=extract /x/dependencies/ ./
COPY --from=extract /x/application/ ./
ENTRYPOINT ["java", "org.springframework.boot.loader.launch.JarLauncher"]
