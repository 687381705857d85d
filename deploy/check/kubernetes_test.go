package check_test

import (
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
)

// Manifests are what the kustomization is rendered to, one of a kind each.
type manifests struct {
	namespace  *corev1.Namespace
	config     *corev1.ConfigMap
	deployment *appsv1.Deployment
	service    *corev1.Service
	scaler     *autoscalingv2.HorizontalPodAutoscaler
	budget     *policyv1.PodDisruptionBudget
	policy     *networkingv1.NetworkPolicy
}

// decoder returns a function that reads a manifest as the API server does: an
// unknown field, or one given twice, is an error.
func decoder(t *testing.T) func(string) runtime.Object {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		corev1.AddToScheme, appsv1.AddToScheme, autoscalingv2.AddToScheme, policyv1.AddToScheme, networkingv1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	strict := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	return func(text string) runtime.Object {
		t.Helper()
		object, _, err := strict.Decode([]byte(text), nil, nil)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		return object
	}
}

// render renders the kustomization as kubectl does.
func render(t *testing.T) manifests {
	t.Helper()
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), "../kubernetes")
	if err != nil {
		t.Fatal(err)
	}
	var m manifests
	decode := decoder(t)
	for _, resource := range resources.Resources() {
		switch object := decode(resource.MustYaml()).(type) {
		case *corev1.Namespace:
			m.namespace = object
		case *corev1.ConfigMap:
			m.config = object
		case *appsv1.Deployment:
			m.deployment = object
		case *corev1.Service:
			m.service = object
		case *autoscalingv2.HorizontalPodAutoscaler:
			m.scaler = object
		case *policyv1.PodDisruptionBudget:
			m.budget = object
		case *networkingv1.NetworkPolicy:
			m.policy = object
		default:
			t.Errorf("nobody checks a %T", object)
		}
	}
	if m.namespace == nil || m.config == nil || m.deployment == nil || m.service == nil ||
		m.scaler == nil || m.budget == nil || m.policy == nil {
		t.Fatalf("one of the kinds is missing: %+v", m)
	}
	return m
}

// container returns the one container of the pods.
func (m manifests) container(t *testing.T) corev1.Container {
	t.Helper()
	containers := m.deployment.Spec.Template.Spec.Containers
	if len(containers) != 1 {
		t.Fatalf("%d containers, want one", len(containers))
	}
	return containers[0]
}

// settings returns the server's configuration in the ConfigMap.
func (m manifests) settings(t *testing.T) settings {
	t.Helper()
	return parseSettings(t, []byte(m.config.Data["anteroom.yaml"]))
}

func TestAllManifestsMeanTheSamePods(t *testing.T) {
	m := render(t)
	pods := labels.Set(m.deployment.Spec.Template.Labels)
	for name, selector := range map[string]*metav1.LabelSelector{
		"the Deployment":    m.deployment.Spec.Selector,
		"the budget":        m.budget.Spec.Selector,
		"the NetworkPolicy": &m.policy.Spec.PodSelector,
		"the Service":       {MatchLabels: m.service.Spec.Selector},
		"the zones":         m.deployment.Spec.Template.Spec.TopologySpreadConstraints[0].LabelSelector,
		"the hosts":         m.deployment.Spec.Template.Spec.TopologySpreadConstraints[1].LabelSelector,
	} {
		chosen, err := metav1.LabelSelectorAsSelector(selector)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if chosen.Empty() || !chosen.Matches(pods) {
			t.Errorf("%s chooses %q, but the pods have %v", name, chosen, pods)
		}
	}
	if target := m.scaler.Spec.ScaleTargetRef; target.Kind != "Deployment" || target.Name != m.deployment.Name {
		t.Errorf("what is scaled is %v", target)
	}
	for name, namespace := range map[string]string{
		"config": m.config.Namespace, "deployment": m.deployment.Namespace, "service": m.service.Namespace,
		"scaler": m.scaler.Namespace, "budget": m.budget.Namespace, "policy": m.policy.Namespace,
	} {
		if namespace != m.namespace.Name {
			t.Errorf("%s is in namespace %q, not %q", name, namespace, m.namespace.Name)
		}
	}
}

func TestARolloutInterruptsNobody(t *testing.T) {
	m := render(t)
	if rolling := m.deployment.Spec.Strategy.RollingUpdate; rolling == nil || *rolling.MaxUnavailable != intstr.FromInt32(0) {
		t.Errorf("strategy is %v, want one that takes no pod away first", m.deployment.Spec.Strategy)
	}
	if m.deployment.Spec.Replicas != nil {
		t.Error("replicas are given: applying would undo the work of the scaler")
	}
	if *m.scaler.Spec.MinReplicas < 2 {
		t.Errorf("at least %d pods, want two", *m.scaler.Spec.MinReplicas)
	}
	c := m.container(t)
	wait := time.Duration(c.Lifecycle.PreStop.Sleep.Seconds) * time.Second
	if grace := time.Duration(*m.deployment.Spec.Template.Spec.TerminationGracePeriodSeconds) * time.Second; grace <= wait+stopTime {
		t.Errorf("a pod is killed after %v, but waits for %v and stops for %v", grace, wait, stopTime)
	}
	probe := c.ReadinessProbe
	if gone := time.Duration(probe.FailureThreshold*probe.PeriodSeconds) * time.Second; gone > wait {
		t.Errorf("a pod is found unready after %v, but goes after %v", gone, wait)
	}
	if m.config.Name == "anteroom" {
		t.Error("the ConfigMap's name has no hash: a changed configuration would restart no pod")
	}
}

func TestProbesFitTheListeners(t *testing.T) {
	m := render(t)
	c, s := m.container(t), m.settings(t)
	ports := make(map[string]int32)
	for _, p := range c.Ports {
		ports[p.Name] = p.ContainerPort
	}
	if public, management := port(s.Listen), port(s.Management.Listen); intstr.Parse(public) != intstr.FromInt32(ports["public"]) ||
		intstr.Parse(management) != intstr.FromInt32(ports["management"]) {
		t.Errorf("the server listens on %s and %s, the container has %v", public, management, ports)
	}
	for name, row := range map[string]struct {
		probe              *corev1.Probe
		scheme             corev1.URIScheme
		wantPort, wantPath string
	}{
		"startup":   {c.StartupProbe, corev1.URISchemeHTTPS, "management", "/readyz"},
		"readiness": {c.ReadinessProbe, "", "public", "/healthz"},
		"liveness":  {c.LivenessProbe, "", "public", "/healthz"},
	} {
		if get := row.probe.HTTPGet; get == nil || get.Scheme != row.scheme || get.Port.StrVal != row.wantPort || get.Path != row.wantPath {
			t.Errorf("%s: %+v, want %s of %s", name, get, row.wantPath, row.wantPort)
		}
	}
	if s.Management.TLS.CertFile == "" {
		t.Error("the management listener speaks plain HTTP beyond loopback")
	}
	if target := m.service.Spec.Ports; len(target) != 1 || target[0].TargetPort.StrVal != "public" {
		t.Errorf("the Service has ports %v, want the public listener alone", target)
	}
}

// TestTheEnvironmentHasNoServiceLinks stops a start that fails: for a Service
// named anteroom, Kubernetes sets ANTEROOM_PORT, and the server refuses variables
// of its prefix that it does not know.
func TestTheEnvironmentHasNoServiceLinks(t *testing.T) {
	pod := render(t).deployment.Spec.Template.Spec
	if links := pod.EnableServiceLinks; links == nil || *links {
		t.Error("enableServiceLinks is on")
	}
}

// TestThePodIsRestricted goes through what the Pod Security Standard "restricted"
// demands, which the namespace enforces, and what can be had beyond it.
func TestThePodIsRestricted(t *testing.T) {
	m := render(t)
	if level := m.namespace.Labels["pod-security.kubernetes.io/enforce"]; level != "restricted" {
		t.Errorf("the namespace enforces %q", level)
	}
	pod, c := m.deployment.Spec.Template.Spec, m.container(t)
	if is := pod.SecurityContext; is == nil || !*is.RunAsNonRoot || is.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		t.Errorf("the pod is confined by %v", is)
	}
	if is := c.SecurityContext; is == nil || *is.AllowPrivilegeEscalation || !*is.ReadOnlyRootFilesystem ||
		!slices.Equal(is.Capabilities.Drop, []corev1.Capability{"ALL"}) || len(is.Capabilities.Add) > 0 {
		t.Errorf("the container is confined by %v", is)
	}
	if automount := pod.AutomountServiceAccountToken; automount == nil || *automount {
		t.Error("the pod gets a token for the API server, which it has no use for")
	}
	if user, _, _ := strings.Cut(last[*instructions.UserCommand](t, loadImage(t)).User, ":"); user != strconv.FormatInt(*pod.SecurityContext.RunAsUser, 10) {
		t.Errorf("it runs as %d, the image's user is %s", *pod.SecurityContext.RunAsUser, user)
	}
	if c.Resources.Requests.Cpu().IsZero() || c.Resources.Limits.Memory().IsZero() {
		t.Errorf("resources are %v; the scaler needs a request of CPU, the node a limit of memory", c.Resources)
	}
}

// TestEveryFileIsMounted follows each path of the configuration to a volume, and
// each secret among them to the template of its Secret.
func TestEveryFileIsMounted(t *testing.T) {
	m := render(t)
	s, c := m.settings(t), m.container(t)
	if got := c.Args; !slices.Equal(got, last[*instructions.CmdCommand](t, loadImage(t)).CmdLine) {
		t.Errorf("arguments are %v, which the image does not run with", got)
	}
	secrets := secretKeys(t, m.namespace.Name)
	for _, file := range []string{s.SecretFile, s.Management.TokenFile, s.Management.TLS.CertFile, s.Management.TLS.KeyFile, s.Store.PasswordFile} {
		volume := m.volumeAt(t, path.Dir(file))
		if volume.Secret == nil || !slices.Contains(secrets[volume.Secret.SecretName], path.Base(file)) {
			t.Errorf("%s is in no Secret", file)
		}
	}
	if m.volumeAt(t, s.StateDir).EmptyDir == nil {
		t.Errorf("%s cannot be written", s.StateDir)
	}
	if volume := m.volumeAt(t, path.Dir(c.Args[len(c.Args)-1])); volume.ConfigMap == nil || volume.ConfigMap.Name != m.config.Name {
		t.Errorf("the configuration is in %v", volume)
	}
}

// volumeAt returns the volume that is mounted at a path.
func (m manifests) volumeAt(t *testing.T, dir string) corev1.Volume {
	t.Helper()
	for _, mount := range m.container(t).VolumeMounts {
		for _, volume := range m.deployment.Spec.Template.Spec.Volumes {
			if mount.MountPath == dir && mount.Name == volume.Name {
				return volume
			}
		}
	}
	t.Errorf("nothing is mounted at %s", dir)
	return corev1.Volume{}
}

// secretKeys returns the keys of each Secret in the template, whose values must be
// empty: what somebody applies without a look must not be taken for a secret.
func secretKeys(t *testing.T, namespace string) map[string][]string {
	t.Helper()
	keys := make(map[string][]string)
	decode := decoder(t)
	for part := range strings.SplitSeq(read(t, "../kubernetes/secret.example.yaml"), "\n---\n") {
		secret, ok := decode(part).(*corev1.Secret)
		if !ok || secret.Namespace != namespace {
			t.Fatalf("the template has something else than a Secret of %s", namespace)
		}
		for key, value := range secret.StringData {
			keys[secret.Name] = append(keys[secret.Name], key)
			if value != "" {
				t.Errorf("the template has a value for %s", key)
			}
		}
	}
	return keys
}

func TestTheNetworkPolicyLetsThroughWhatIsNeeded(t *testing.T) {
	m := render(t)
	if got := m.policy.Spec.PolicyTypes; !slices.Equal(got, []networkingv1.PolicyType{"Ingress", "Egress"}) {
		t.Errorf("policy types are %v", got)
	}
	for _, rule := range m.policy.Spec.Ingress {
		for _, from := range rule.From {
			if from.NamespaceSelector == nil || len(rule.Ports) != 1 {
				t.Errorf("rule %v is open to all", rule)
			}
			if rule.Ports[0].Port.StrVal == "management" && from.PodSelector == nil {
				t.Error("the management listener is open to whole namespaces")
			}
		}
	}
	var out []int32
	for _, rule := range m.policy.Spec.Egress {
		if len(rule.To) == 0 {
			t.Errorf("rule %v is open to all", rule)
		}
		for _, p := range rule.Ports {
			out = append(out, p.Port.IntVal)
		}
	}
	if !slices.Contains(out, 53) || !strings.HasPrefix(m.settings(t).Store.URL, "redis://redis:") || !slices.Contains(out, 6379) {
		t.Errorf("the pods reach ports %v, which are not Redis and DNS", out)
	}
}

func TestAllManifestsAreUsed(t *testing.T) {
	entries, err := os.ReadDir("../kubernetes")
	if err != nil {
		t.Fatal(err)
	}
	kustomization := read(t, "../kubernetes/kustomization.yaml")
	for _, entry := range entries {
		if name := entry.Name(); name != "kustomization.yaml" && name != "secret.example.yaml" && !strings.Contains(kustomization, name) {
			t.Errorf("%s is in no kustomization", name)
		}
	}
}
