{{- define "identidex.name" -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "identidex.labels" -}}
app.kubernetes.io/name: identidex
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "identidex.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "identidex.name" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* What holds for every pod: nobody in particular, and no variables of services, which are taken for settings. Takes `root`, and
whether the index `isPulled` into the pod itself. */}}
{{- define "identidex.pod" -}}
{{- $isPulled := .isPulled }}
{{- with .root }}
serviceAccountName: {{ include "identidex.serviceAccount" . }}
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
volumes:
  - name: config
    configMap: {name: {{ include "identidex.name" . }}}
  - name: index
{{- if $isPulled }}
    emptyDir: {sizeLimit: {{ .Values.persistence.size }}}
{{- else }}
    persistentVolumeClaim:
      claimName: {{ default (include "identidex.name" .) .Values.persistence.existingClaim }}
{{- end }}
{{- with .Values.secretFiles }}
  - name: secrets
    secret: {secretName: {{ . }}, defaultMode: 0440}
{{- end }}
{{- end }}
{{- end -}}

{{- define "identidex.container" -}}
image: "{{ .Values.image.repository }}:{{ .Values.image.tag }}"
imagePullPolicy: {{ .Values.image.pullPolicy }}
env:
  - {name: IDENTIDEX_CONFIG, value: /etc/identidex/identidex.toml}
  - {name: IDENTIDEX_LOG_FORMAT, value: json}
{{- with .Values.secretName }}
envFrom:
  - secretRef: {name: {{ . }}}
{{- end }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end -}}

{{- define "identidex.mounts" -}}
- {name: config, mountPath: /etc/identidex, readOnly: true}
- {name: index, mountPath: /srv/identidex}
{{- if .Values.secretFiles }}
- {name: secrets, mountPath: /run/secrets/identidex, readOnly: true}
{{- end }}
{{- end -}}
