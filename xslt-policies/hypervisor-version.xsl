<?xml version="1.0" encoding="UTF-8"?>
<!-- SPDX-License-Identifier: Apache-2.0 -->
<!-- The hypervisor is a Xen of one release line, and its command line is the one that I know. For a
     seal with the target hypervisor:xen, judged="yes": a bound one would ask for the very same
     build. Edit the two values, and keep the quotes. -->
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:param name="release" select="'4.17.'"/>
  <xsl:param name="command-line" select="'placeholder dom0_mem=4096M,max:4096M'"/>

  <xsl:template match="/projection">
    <xsl:variable name="xen" select="measurement[@target = 'hypervisor:xen']/node[@type = 'hypervisor']"/>
    <xsl:variable name="version" select="$xen/value[@name = 'version']"/>
    <xsl:variable name="line" select="$xen/value[@name = 'command-line']"/>
    <xsl:choose>
      <xsl:when test="count($xen) = 1 and count($version) = 1 and count($line) = 1
                      and starts-with($version, $release) and $line = $command-line">
        <true/>
      </xsl:when>
      <xsl:otherwise>
        <false>
          <reason path="hypervisor:xen">
            <xsl:choose>
              <xsl:when test="not($xen)">was not measured</xsl:when>
              <xsl:when test="not(starts-with($version, $release))">is of another release: <xsl:value-of select="$version"/></xsl:when>
              <xsl:otherwise>was started with another command line: <xsl:value-of select="$line"/></xsl:otherwise>
            </xsl:choose>
          </reason>
        </false>
      </xsl:otherwise>
    </xsl:choose>
  </xsl:template>
</xsl:stylesheet>
