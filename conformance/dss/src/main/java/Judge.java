import eu.europa.esig.dss.diagnostic.TimestampWrapper;
import eu.europa.esig.dss.enumerations.Indication;
import eu.europa.esig.dss.model.FileDocument;
import eu.europa.esig.dss.spi.DSSUtils;
import eu.europa.esig.dss.spi.validation.CertificateVerifier;
import eu.europa.esig.dss.spi.validation.CommonCertificateVerifier;
import eu.europa.esig.dss.spi.x509.CommonTrustedCertificateSource;
import eu.europa.esig.dss.validation.SignedDocumentValidator;
import eu.europa.esig.dss.validation.reports.Reports;
import eu.europa.esig.dss.jaxb.object.Message;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Validates containers with the default policy of DSS, offline, and prints what DSS says of each signature in them.
 *
 * Usage: Judge TRUSTED-CERTIFICATE… -- CONTAINER… (certificates in DER or PEM). One line a fact, words parted by a tab:
 * container PATH, then of it: signature FILE LEVEL INDICATION SUB-INDICATION, timestamp FILE TYPE INDICATION TIME, remark FILE KIND TEXT.
 */
public final class Judge {
    private Judge() {}

    public static void main(String[] arguments) throws Exception {
        CommonTrustedCertificateSource trusted = new CommonTrustedCertificateSource();
        int i = 0;
        for (; !arguments[i].equals("--"); i++) {
            trusted.addCertificate(DSSUtils.loadCertificate(Files.readAllBytes(Path.of(arguments[i]))));
        }
        for (i++; i < arguments.length; i++) {
            say("container", arguments[i]);
            judge(new File(arguments[i]), trusted);
        }
    }

    private static void judge(File container, CommonTrustedCertificateSource trusted) {
        CertificateVerifier verifier = new CommonCertificateVerifier();
        verifier.setTrustedCertSources(trusted);
        // Offline: what the container does not hold does not exist.
        verifier.setAIASource(null);
        verifier.setOcspSource(null);
        verifier.setCrlSource(null);

        SignedDocumentValidator validator = SignedDocumentValidator.fromDocument(new FileDocument(container));
        validator.setCertificateVerifier(verifier);
        Reports reports = validator.validateDocument();
        var simple = reports.getSimpleReport();
        var diagnostic = reports.getDiagnosticData();
        for (String id : simple.getSignatureIdList()) {
            var signature = diagnostic.getSignatureById(id);
            String file = signature.getSignatureFilename();
            say("signature", file, simple.getSignatureFormat(id), simple.getIndication(id), simple.getSubIndication(id));
            for (TimestampWrapper stamp : signature.getTimestampList()) {
                Indication indication = reports.getDetailedReport().getBasicTimestampValidationIndication(stamp.getId());
                say("timestamp", file, stamp.getType(), indication, stamp.getProductionTime().toInstant());
            }
            remarks(file, "error", simple.getAdESValidationErrors(id));
            remarks(file, "warning", simple.getAdESValidationWarnings(id));
            remarks(file, "information", simple.getAdESValidationInfo(id));
        }
    }

    private static void remarks(String file, String kind, List<Message> messages) {
        for (Message message : messages) {
            say("remark", file, kind, message.getValue());
        }
    }

    private static void say(Object... words) {
        StringBuilder line = new StringBuilder();
        for (Object word : words) {
            line.append(line.length() == 0 ? "" : "\t").append(word == null ? "-" : word.toString().replaceAll("\\s+", " "));
        }
        System.out.println(line);
    }
}
