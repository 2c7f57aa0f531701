# Terraform or OpenTofu: the argo-cd chart with the values of this project and
# your own. Helm replaces lists, so they are joined here.
terraform {
  required_providers {
    helm = {
      source  = "hashicorp/helm"
      version = ">= 2.12"
    }
  }
}

variable "chart_version" {
  description = "Version of the argo-cd chart"
  type        = string
}

variable "own_values" {
  description = "Path of your own values of the argo-cd chart"
  type        = string
}

locals {
  ksops = yamldecode(file("${path.module}/../../helm/values.yaml"))
  own   = yamldecode(file(var.own_values))

  server = try(local.own.repoServer, {})
  cm     = try(local.own.configs.cm, {})

  joined = {
    configs = {
      cm = merge(local.cm, {
        "kustomize.buildOptions" = trimspace(join(" ", [
          try(local.cm["kustomize.buildOptions"], ""),
          local.ksops.configs.cm["kustomize.buildOptions"],
        ]))
      })
    }
    repoServer = merge(local.server, {
      for list in ["volumes", "initContainers", "volumeMounts", "env"] :
      list => concat(try(local.server[list], []), local.ksops.repoServer[list])
    })
  }
}

# The Secret sops-age is not made here: its key would be in the state file.
resource "helm_release" "argocd" {
  name       = "argocd"
  namespace  = "argocd"
  repository = "https://argoproj.github.io/argo-helm"
  chart      = "argo-cd"
  version    = var.chart_version
  values     = [yamlencode(local.own), yamlencode(local.joined)]
}
